"""Messages: what is to be told to others by mail or webhook, until it is delivered."""
