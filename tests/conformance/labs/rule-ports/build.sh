. ../../net.sh
fork_in_the_road
route r default via 10.0.2.2
route r default via 10.0.3.2 table 100
ip -n r rule add ipproto udp dport 53 lookup 100
ip -n r rule add ipproto icmp to 10.9.1.0/24 lookup 100
