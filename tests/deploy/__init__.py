"""What ``deploy/`` holds: put to the tools that will read it, and held against the code."""
