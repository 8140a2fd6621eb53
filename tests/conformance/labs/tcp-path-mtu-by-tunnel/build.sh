. ../../net.sh
chain a b
tunnel a vx0 02:00:0a:09:00:01 7 10.0.1.1
tunnel b vx0 02:00:0a:09:00:02 7 10.0.1.2
far a vx0 00:00:00:00:00:00 10.0.1.2
far b vx0 00:00:00:00:00:00 10.0.1.1
ip -n a link set dev vx0 mtu 1500
ip -n b link set dev vx0 mtu 1500
address a vx0 10.9.0.1/24
address b vx0 10.9.0.2/24
