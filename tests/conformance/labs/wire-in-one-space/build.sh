. ../../net.sh
space sw a b
bar sw br0 02:00:00:00:00:f0
bar sw br1 02:00:00:00:00:f1
wire sw up 02:00:00:00:01:00 sw down 02:00:00:00:01:01
plug sw up br0
plug sw down br1
wire a eth0 02:00:0a:00:00:01 sw pa 02:00:00:00:00:01
plug sw pa br0
wire b eth0 02:00:0a:00:00:02 sw pb 02:00:00:00:00:02
plug sw pb br1
address a eth0 10.0.0.1/24
address b eth0 10.0.0.2/24
