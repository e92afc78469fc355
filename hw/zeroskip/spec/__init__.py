"""What hardware and software agree on: configurations, words of a program, numbers. Imports nothing of either."""
