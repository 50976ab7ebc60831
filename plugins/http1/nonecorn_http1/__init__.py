"""HTTP/1.1 connection rules shared by every HTTP/1.1 engine."""
