"""The host's side of the link: transports, frames and the device client."""
