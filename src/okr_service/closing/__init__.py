"""How objectives and cycles end: closing, carrying over."""
