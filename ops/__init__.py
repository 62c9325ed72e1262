"""What operators run and read; nothing here is part of the BFF."""
