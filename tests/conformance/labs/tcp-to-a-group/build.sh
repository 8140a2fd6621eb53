. ../../net.sh
segment a b
