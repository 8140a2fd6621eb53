. ../../net.sh
chain a r b
ip netns exec r sysctl -qw net.ipv4.ip_forward=0
