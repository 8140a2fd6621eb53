. ../../net.sh
segment a b
knows a eth0 10.0.0.2 02:00:0a:00:00:02
knows b eth0 10.0.0.1 02:00:0a:00:00:01
learnt sw a 02:00:0a:00:00:01
learnt sw b 02:00:0a:00:00:02
tunnel a vx0 0e:00:00:00:01:00 5 10.0.0.77 remote 10.0.0.2
address a vx0 10.1.0.1/24
