. ../../net.sh
segment a b
knows a eth0 10.0.0.9 02:00:0a:00:00:02 permanent
learnt sw b 02:00:0a:00:00:02
