. ../../net.sh
segment a b c
route a default via 10.0.0.2
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
knows a eth0 10.0.0.3 02:00:0a:00:00:03 permanent
