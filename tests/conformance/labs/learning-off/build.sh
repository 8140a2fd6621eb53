. ../../net.sh
segment a b c
bridge -n sw link set dev a learning off
