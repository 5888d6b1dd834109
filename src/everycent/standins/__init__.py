"""What every server that only pretends needs: a port, answers that no well-behaved server gives, forms.

The fakes and the sub-services stand on it. It knows nothing of what they pretend.
"""
