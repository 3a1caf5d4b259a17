"""Work on files that nobody vouches for, in a process of its own that has limits and nothing to lose."""
