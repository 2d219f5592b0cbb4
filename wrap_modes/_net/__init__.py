"""What the wrap modes share whose workers may be on other hosts: keys, addresses, sockets."""
