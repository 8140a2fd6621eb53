. ../../net.sh
segment a b
route a default via 10.0.0.2
