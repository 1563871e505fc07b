"""Everything the proof needs to hold a real server in its hands: its process, its sockets, its data directory."""
