. ../../net.sh
chain a b c
forwards c
route c default via 10.0.2.1
ip netns exec a sysctl -qw net.ipv4.ip_default_ttl=5
