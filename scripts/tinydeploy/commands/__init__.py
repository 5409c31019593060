"""The sub-commands, by area. Each module adds its commands to the parser and imports late."""
