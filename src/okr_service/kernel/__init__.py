"""What the rooms stand on. Knows no OKR word, but for the catalogue in `messages`."""
