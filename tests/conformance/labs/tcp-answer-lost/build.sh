. ../../net.sh
chain a b c
route b blackhole 10.0.9.0/24
address a right 10.0.9.1/24
ip -n a route replace default via 10.0.1.2 src 10.0.9.1
