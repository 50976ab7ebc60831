"""Paths and their views."""

from django.urls import path

from project import views

urlpatterns = [
    path("", views.home),
    path("hello/<str:name>", views.hello),
    path("stream", views.stream),
    path("echo", views.echo),
]
