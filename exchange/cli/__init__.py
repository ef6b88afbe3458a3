"""The command `hotline-exchange`: one module per group of commands. It talks to the running node."""
