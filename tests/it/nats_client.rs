//! The client against a real nats-server, over both of its transports.
