"""Load: people of many offices at their calendars, all at once, against a stack of its own."""
