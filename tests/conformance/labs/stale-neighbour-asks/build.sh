. ../../net.sh
segment a b
knows a eth0 10.0.0.2 02:00:0a:00:00:02 stale
