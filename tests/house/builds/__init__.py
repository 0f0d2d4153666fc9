"""Clean checkouts built by the commands that people type: rebuilt, killed, handed on."""
