. ../../net.sh
chain a b
knows a right 10.0.1.2 02:00:0a:00:01:02 permanent
knows b left 10.0.1.1 02:00:0a:00:01:01 permanent
