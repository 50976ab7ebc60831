"""What a worker is to be, decided once."""

from nonecorn.plan.plan import ListenerPlan, MiddlewarePlan, Plan

__all__ = ["ListenerPlan", "MiddlewarePlan", "Plan"]
