. ../../net.sh
chain a r b
route r unreachable 10.0.9.0/24
