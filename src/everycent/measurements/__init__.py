"""What is measured on a schedule: time that flows, quantities that are sampled, sources that are polled."""
