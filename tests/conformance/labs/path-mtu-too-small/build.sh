. ../../net.sh
segment a b
route a default via 10.0.0.2
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
