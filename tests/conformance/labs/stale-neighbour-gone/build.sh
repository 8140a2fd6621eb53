. ../../net.sh
segment a b
knows a eth0 10.0.0.9 02:00:0a:00:00:02 stale
learnt sw a 02:00:0a:00:00:01
learnt sw b 02:00:0a:00:00:02
