"""One thin file for everything a person can run. The work is in the rooms beside."""
