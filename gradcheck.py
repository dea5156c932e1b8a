import numpy as np
from scipy.optimize import approx_fprime
from nas.samplers import gaussian_process as g
from nas.samplers.kernel_inputs import Encoder, Inputs
from search_space.space.parameters import Parameter
P=tuple(Parameter(f"l{i}",("a","b","c"),()) for i in range(4))+tuple(Parameter(f"k{i}",(3,5,7),()) for i in range(3))+(Parameter("t",("x","y"),()),)
rng=np.random.default_rng(0); v=np.stack([rng.integers(len(p.choices),size=14) for p in P],1); c=np.exp(rng.normal(size=(14,1)))
e=Encoder(P,c); h=g.HyperparameterPrior(e); pt=h.centre+.5*rng.normal(size=len(h.centre)); x=e(v,c); y=rng.normal(size=14)
sq=g._squares(x.costs,x.costs); f=lambda p:g._negative_log_posterior(h,p,x.bits,sq,y,np.zeros(14))
print(e.costs,e.shared,len(pt), np.abs(f(pt)[1]-approx_fprime(pt,lambda p:f(p)[0],1e-6)).max())
V=np.stack([rng.integers(len(p.choices),size=20000) for p in P],1); X=e(V,np.ones((20000,1))); print(X.costs.std(0), (X.bits-e.centre).mean(0).round(2))
