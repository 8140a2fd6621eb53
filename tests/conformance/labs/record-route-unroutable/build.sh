. ../../net.sh
chain a r b
route r unreachable 10.9.0.0/16
