. ../../net.sh
chain a r b
knows a right 10.0.1.2 02:00:0a:00:01:02
