. ../../net.sh
segment a b c
