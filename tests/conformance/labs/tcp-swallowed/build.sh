. ../../net.sh
chain a b c
route b blackhole 203.0.113.0/24
