"""Collecting money: what is due is charged at most once, whatever breaks.

start    opens a run: the list of invoices that are due
engine   works on it: claims, and begins to send
sender   sends, hears and books, each durable before the next: charges, refunds, what is sent again
refund   sets money aside that goes back, and begins to send it
recover  ends what others have left, and asks about outcomes that are unknown
work     what a process does with all of that, over and over
listen   takes in what providers tell of their own accord
"""
