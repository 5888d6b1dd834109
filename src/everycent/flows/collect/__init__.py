"""Collecting money: what is due is charged at most once, whatever breaks.

start    opens a run: the list of invoices that are due
engine   works on it: claims, sends, hears, books, each durable before the next
recover  ends what others have left, and asks about outcomes that are unknown
listen   takes in what providers tell of their own accord
"""
