. ../../net.sh
fork_in_the_road
route r 10.9.0.0/16 via 10.0.2.2
wire b side 02:00:0a:00:04:01 c side 02:00:0a:00:04:02
address b side 10.0.4.1/24
address c side 10.0.4.2/24
forwards c
ip -n b route replace default via 10.0.4.2
