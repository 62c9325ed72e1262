"""The backend-for-frontend of ReservePTY: it decides how fast, how logged and how worded; SQL decides the rest."""
