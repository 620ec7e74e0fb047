"""What the rooms stand on. Knows no OKR word."""
