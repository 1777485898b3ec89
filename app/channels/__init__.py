"""How messages leave the relay: webhook, Slack, e-mail, and the dead man's URL."""
