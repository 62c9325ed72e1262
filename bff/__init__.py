"""The backend-for-frontend of ReservePTY."""

__version__ = "0.1.0"
