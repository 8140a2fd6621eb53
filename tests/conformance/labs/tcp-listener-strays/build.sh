. ../../net.sh
segment a b
knows b eth0 10.0.0.1 02:00:0a:00:00:01
