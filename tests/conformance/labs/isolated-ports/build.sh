. ../../net.sh
segment a b c
bridge -n sw link set dev a isolated on
bridge -n sw link set dev b isolated on
