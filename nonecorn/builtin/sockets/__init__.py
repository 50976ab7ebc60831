"""The transports no server can be without: TCP, unix, and inherited sockets."""
