. ../../net.sh
segment a b
route a default via 10.0.0.2
route b 239.0.0.0/8 via 10.0.0.1
