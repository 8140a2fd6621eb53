. ../../net.sh
segment a b c
forwards b
route a 10.9.0.0/24 via 10.0.0.2
route b 10.9.0.0/24 via 10.0.0.3
address c lo 10.9.0.1/32
