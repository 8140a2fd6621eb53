. ../../net.sh
chain a r b
tunnel a vx0 02:00:0a:09:00:01 7 10.0.1.1 tos 0x10
tunnel b vx0 02:00:0a:09:00:02 7 10.0.2.2
far a vx0 00:00:00:00:00:00 10.0.2.2
far b vx0 00:00:00:00:00:00 10.0.1.1
address a vx0 10.9.0.1/24
address b vx0 10.9.0.2/24
ip -n a route del default
route a 10.0.2.0/24 via 10.0.1.2 tos 0x10
