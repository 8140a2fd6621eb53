. ../../net.sh
segment a b c
knows a eth0 10.0.0.2 02:00:0a:00:00:02
knows a eth0 10.0.0.3 02:00:0a:00:00:03
knows b eth0 10.0.0.1 02:00:0a:00:00:01
knows b eth0 10.0.0.3 02:00:0a:00:00:03
knows c eth0 10.0.0.1 02:00:0a:00:00:01
knows c eth0 10.0.0.2 02:00:0a:00:00:02
learnt sw a 02:00:0a:00:00:01
learnt sw b 02:00:0a:00:00:02
learnt sw c 02:00:0a:00:00:03
tunnel a vx0 0e:00:00:00:01:00 5 10.0.0.1
tunnel b vx0 0e:00:00:00:02:00 5 10.0.0.2
tunnel c vx0 0e:00:00:00:03:00 5 10.0.0.3
far b vx0 00:00:00:00:00:00 10.0.0.1
far c vx0 00:00:00:00:00:00 10.0.0.1
far a vx0 0e:00:00:00:07:01 10.0.0.2 static
far a vx0 0e:00:00:00:07:02 10.0.0.2
